# A boot sector that reads sector 8 of its disk to 0x8000 over and over. The byte behind is then 1: set here, as the disk has 0 there.
	.code16
	.globl _start
_start:
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movw	$0x7000, %sp
	movb	%dl, disk
again:
	movw	$packet, %si
	movb	$0x42, %ah
	movb	disk, %dl
	int	$0x13
	jc	again
	movb	0x8200, %al
	movb	%al, 0x8000
	movb	$1, 0x8001
	jmp	again

# disk address packet: size, sectors, offset, segment, first sector
	.balign	4
packet:
	.word	0x10, 1, 0x8200, 0
	.quad	8
disk:
	.byte	0

	.org	_start + 510
	.word	0xaa55
